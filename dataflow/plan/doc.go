// Package plan turns a parsed script into a physical plan: one graph of operators that
// serves all INSERTs of the script.
//
// Terms. The Catalog holds the tables and views that the script declares, Config its SET
// options. The binder resolves names and types and yields the logical plan, a tree of rel
// nodes whose expressions are expr.Nodes over the columns of their inputs. Rules rewrite
// it (constants folded, filters and projections pushed down, projections merged). The
// physical plan is a graph of Nodes, each with an identity that edits elsewhere in the
// script do not change, a Schema, and the ChangelogMode of what it emits.
//
// Invariants. No syntax tree makes the package panic; what a script gets wrong is a
// *sql.Error with its place and the nearest name. A plan is a function of the script and
// the Options: the same text gives the same plan, byte for byte. Plans are not modified
// after Build.
//
// The package imports sql, expr, types and vec; not the operators, formats, state or
// anything that runs a plan.
package plan
