package op

// JoinKind is the kind of a join, in the order of the planner's kinds.
type JoinKind uint8

// The kinds of joins. Semi and anti joins emit the left columns alone; outer joins pad the
// side without a match with NULLs.
const (
	JoinInner JoinKind = iota
	JoinLeft
	JoinRight
	JoinFull
	JoinSemi
	JoinAnti
)

// String is the kind's name.
func (k JoinKind) String() string {
	return [...]string{"inner", "left", "right", "full", "semi", "anti"}[k%6]
}

func (k JoinKind) leftOnly() bool  { return k == JoinSemi || k == JoinAnti }
func (k JoinKind) padsLeft() bool  { return k == JoinRight || k == JoinFull }
func (k JoinKind) padsRight() bool { return k == JoinLeft || k == JoinFull }
