package nats

import (
	"errors"
	"fmt"
)

var (
	// ErrNoStream is returned when the stream does not exist and is not to be created.
	ErrNoStream = errors.New("the stream does not exist")
	// ErrNoJetStream is returned when nothing answers JetStream requests.
	ErrNoJetStream = errors.New("no JetStream answers")
	// ErrAuthorization is returned when the server refuses the credentials or a subject.
	ErrAuthorization = errors.New("not authorized")
	// ErrPosition is matched by every *PositionError.
	ErrPosition = errors.New("the stream does not continue the stored position")
	// ErrOption is matched by every *OptionError.
	ErrOption = errors.New("wrong option")
	// ErrClosed is returned by Poll after Close.
	ErrClosed = errors.New("nats source is closed")
)

// APIError is a refusal of the JetStream API.
type APIError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *APIError) Error() string {
	return fmt.Sprintf("%s (JetStream error %d)", e.Description, e.ErrCode)
}

// SourceError says which stream at which server failed, and what to do.
type SourceError struct {
	Stream, Server string
	Err            error
	// Hint is what to do about it, a command where there is one; may be empty.
	Hint string
}

func (e *SourceError) Error() string {
	s := fmt.Sprintf("nats source %q at %s: %v", e.Stream, e.Server, e.Err)
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

func (e *SourceError) Unwrap() error { return e.Err }

// PositionError says how a stream fails to continue the stored position.
type PositionError struct {
	Verdict Verdict
	Stream  string
	Detail  string
	Hint    string
}

func (e *PositionError) Error() string {
	return fmt.Sprintf("nats source %q: %s: %s: %s", e.Stream, e.Verdict.Kind, e.Detail, e.Hint)
}

func (e *PositionError) Is(target error) bool { return target == ErrPosition }

// OptionError names the option that is wrong, and the nearest known one.
type OptionError struct {
	Key, Value, Problem, Nearest string
}

func (e *OptionError) Error() string {
	s := fmt.Sprintf("option '%s'", e.Key)
	if e.Value != "" {
		s += fmt.Sprintf(" = '%s'", e.Value)
	}
	s += ": " + e.Problem
	if e.Nearest != "" {
		s += fmt.Sprintf("; did you mean '%s'?", e.Nearest)
	}
	return s
}

func (e *OptionError) Is(target error) bool { return target == ErrOption }
