package sql

import (
	"strings"
	"unicode/utf8"
)

// statementWords begin the statements that the package parses.
var statementWords = []string{"CREATE", "DROP", "SET", "RESET", "INSERT", "EXECUTE", "BEGIN", "EXPLAIN", "SELECT",
	"WITH", "VALUES"}

// refusedStatements begin statements of Flink's that have no meaning here.
var refusedStatements = map[string]string{
	"DELETE": "rows leave a table when its source retracts them", "UPDATE": "rows change when their source updates them",
	"MERGE": "", "TRUNCATE": "", "ALTER": "change the CREATE statement in the script", "USE": "name tables without a catalog",
	"SHOW": "", "DESCRIBE": "use EXPLAIN", "DESC": "use EXPLAIN", "LOAD": "", "UNLOAD": "", "CALL": "", "ANALYZE": "",
	"COMPILE": "a script is its own plan: see edgeflow plan", "ADD": "", "REMOVE": "", "STOP": "",
}

// statement reads one statement up to its semicolon.
func (p *parser) statement() Statement {
	start := p.pos()
	switch {
	case p.isAny("SELECT", "WITH", "VALUES") || p.isOp("(") || p.is("TABLE"):
		q := p.query()
		return &QueryStmt{Span: p.from(start), Query: q}
	case p.is("CREATE"):
		return p.create()
	case p.is("DROP"):
		return p.drop()
	case p.is("SET"):
		return p.set()
	case p.is("RESET"):
		return p.reset()
	case p.is("INSERT"):
		return p.insert()
	case p.is("EXPLAIN"):
		return p.explain()
	case p.is("EXECUTE", "STATEMENT"), p.is("BEGIN", "STATEMENT"), p.is("STATEMENT", "SET"):
		return p.statementSet()
	case p.accept("EXECUTE"):
		if !p.is("INSERT") && !p.atQuery() {
			p.unexpected("STATEMENT SET", "INSERT", "SELECT")
		}
		return p.statement()
	}
	t := p.tok()
	if t.kind == tokenWord {
		if hint, is := refusedStatements[t.word]; is {
			p.failHint(t.Span, hint, "%s statements are not supported", t.word)
		}
		p.failError(Errorf(p.src, t.Span, "expected a statement, found %s", found(t)).WithNearest(t.word, statementWords))
	}
	p.unexpected("a statement")
	return nil
}

// set reads SET 'key' = 'value', SET key = value and the bare SET.
func (p *parser) set() Statement {
	start := p.pos()
	p.expect("SET")
	s := &Set{}
	if !p.atEnd() {
		s.HasKey = true
		s.Key, s.KeySpan = p.settingKey()
		p.expectOp("=")
		s.Value, s.ValueSpan = p.rawOr(func(*token) bool { return false }, "a value in quotes")
	}
	s.Span = p.from(start)
	return s
}

func (p *parser) reset() Statement {
	start := p.pos()
	p.expect("RESET")
	s := &Reset{}
	if !p.atEnd() {
		s.HasKey = true
		s.Key, s.KeySpan = p.settingKey()
	}
	s.Span = p.from(start)
	return s
}

func (p *parser) atEnd() bool { return p.tok().kind == tokenEOF || p.isOp(";") }

func (p *parser) settingKey() (string, Span) {
	return p.rawOr(func(t *token) bool { return isOp(t, "=") }, "a key in quotes")
}

// rawOr reads a literal in quotes, or the original text up to a token that ends
// it or to the end of the statement.
func (p *parser) rawOr(ends func(*token) bool, what string) (string, Span) {
	start := p.pos()
	if p.tok().kind == tokenString {
		s := p.stringTokens()
		return s.Value, s.Span
	}
	for !p.atEnd() && !ends(p.tok()) {
		p.i++
	}
	at := p.from(start)
	text := strings.TrimSpace(p.src.Slice(at))
	if at.Start == at.End || text == "" {
		p.unexpected(what)
	}
	if strings.ContainsAny(text, "'`\"") || !utf8.ValidString(text) {
		p.fail(at, "expected %s", what)
	}
	return text, at
}

// insert reads INSERT INTO ...
func (p *parser) insert() *Insert {
	start := p.pos()
	p.expect("INSERT")
	s := &Insert{}
	switch {
	case p.accept("INTO"):
	case p.accept("OVERWRITE"):
		s.Overwrite = true
	default:
		p.unexpected("INTO", "OVERWRITE")
	}
	s.Table = p.name("the name of a table")
	s.Hints = p.hints()
	if p.accept("PARTITION") {
		s.Partition = p.partitionValues()
	}
	if p.isOp("(") && isName(p.peek(1)) {
		p.i++
		s.Columns = []*Name{p.name("a column name")}
		for p.acceptOp(",") {
			s.Columns = append(s.Columns, p.name("a column name"))
		}
		p.expectOp(")", quote(","))
	}
	s.Query = p.query()
	if p.accept("ON", "CONFLICT") {
		p.expect("DO")
		switch {
		case p.accept("NOTHING"):
			s.OnConflict = ConflictNothing
		case p.accept("ERROR"):
			s.OnConflict = ConflictError
		case p.accept("DEDUPLICATE"):
			s.OnConflict = ConflictDeduplicate
		default:
			p.unexpected("NOTHING", "ERROR", "DEDUPLICATE")
		}
	}
	s.Span = p.from(start)
	return s
}

func (p *parser) partitionValues() []*PartitionValue {
	var list []*PartitionValue
	p.expectOp("(")
	for {
		start := p.pos()
		v := &PartitionValue{Column: p.ident("a column name")}
		if p.acceptOp("=") {
			v.X = p.expr()
		}
		v.Span = p.from(start)
		list = append(list, v)
		if !p.acceptOp(",") {
			break
		}
	}
	p.expectOp(")", quote(","))
	return list
}

// statementSet reads EXECUTE STATEMENT SET BEGIN ... END and BEGIN STATEMENT SET;
// ... END. Mistakes in one of its inserts leave the others to be read.
func (p *parser) statementSet() *StatementSet {
	start := p.pos()
	s := &StatementSet{}
	if p.accept("BEGIN") {
		p.expect("STATEMENT", "SET")
		p.expectOp(";")
	} else {
		p.accept("EXECUTE")
		p.expect("STATEMENT", "SET")
		p.expect("BEGIN")
	}
	for !p.is("END") && p.tok().kind != tokenEOF && len(p.errs) < errorsMax {
		if p.acceptOp(";") {
			continue
		}
		p.try(func() {
			if !p.is("INSERT") {
				p.unexpected("INSERT", "END")
			}
			in := p.insert()
			if !p.is("END") {
				p.expectOp(";")
			}
			s.Inserts = append(s.Inserts, in)
		})
	}
	at := p.tok().Span
	if p.tok().kind == tokenEOF && len(p.errs) > 0 {
		panic(bailout{}) // the mistake inside is reported already
	}
	p.expect("END")
	if len(s.Inserts) == 0 {
		if len(p.errs) > 0 {
			panic(bailout{}) // all of it was mistaken, and reported
		}
		p.fail(at, "a statement set needs at least one INSERT")
	}
	s.Span = p.from(start)
	return s
}

// explainDetails are the details that EXPLAIN may ask for.
var explainDetails = []string{"ESTIMATED_COST", "CHANGELOG_MODE", "JSON_EXECUTION_PLAN", "PLAN_ADVICE"}

func (p *parser) explain() Statement {
	start := p.pos()
	p.expect("EXPLAIN")
	e := &Explain{}
	if !p.accept("PLAN", "FOR") {
		for p.isAny(explainDetails...) {
			e.Details = append(e.Details, p.next().word)
			if !p.acceptOp(",") {
				break
			}
			if !p.isAny(explainDetails...) {
				p.unexpected(explainDetails...)
			}
		}
	}
	if p.is("EXPLAIN") || p.isAny("SET", "RESET", "DROP") {
		p.unexpected("a query", "INSERT", "STATEMENT SET")
	}
	e.Statement = p.statement()
	e.Span = p.from(start)
	return e
}
