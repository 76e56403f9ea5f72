// Package types is the type system of the SQL dialect: Flink's logical types, their
// printed form, and the physical class in which a column of each is held.
//
// Invariants: a Type is a value; two types are the same when Equal says so, whatever
// their nullability. The package imports nothing of the project.
package types
