package javaregex

import (
	"errors"
	"regexp/syntax"
)

// ErrLarge is returned for a pattern that takes more memory than it may.
var ErrLarge = errors.New("the regular expression is too large")

// What a program of package regexp takes: an instruction, and a bound of a class of characters.
const (
	stepBytes  = 40
	boundBytes = 4
)

// sizeOf estimates the bytes of an expression's program.
func sizeOf(e *syntax.Regexp) int {
	steps, bounds := program(e)
	return stepBytes*steps + boundBytes*bounds
}

// program counts the instructions of an expression, in which what is repeated a number of times
// stands as often, and the bounds of its classes, which the repetitions share. Package syntax limits
// the product of nested repetitions, so nothing overflows.
func program(e *syntax.Regexp) (steps, bounds int) {
	switch e.Op {
	case syntax.OpLiteral:
		return len(e.Rune), 0
	case syntax.OpCharClass:
		return 1, len(e.Rune)
	}
	for _, s := range e.Sub {
		n, b := program(s)
		steps, bounds = steps+n, bounds+b
	}
	if steps++; e.Op == syntax.OpRepeat {
		steps *= max(e.Min, e.Max, 1)
	}
	return steps, bounds
}
