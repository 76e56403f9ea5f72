package expr

// defaultDatabase is the one database there is, under the name that Flink gives it.
const defaultDatabase = "default_database"

func init() {
	Register(&Func{Name: "CURRENT_DATABASE", Signature: "CURRENT_DATABASE()", Doc: "The name of the database, default_database.", Category: "string",
		Build: func(args []Node) (Node, error) {
			return NewString(defaultDatabase), argCount("CURRENT_DATABASE", args, 0, 0)
		}})
}
