package demo

import "time"

// chaos is the plan of faults, relative to the demo's start: the link to the hub is cut
// and mended, the engine killed and started, over and over.
type chaos struct {
	s    *stage
	step int
	next time.Duration
}

func newChaos(s *stage) *chaos { return &chaos{s: s, next: 3 * time.Second} }

// act carries out what is due.
func (c *chaos) act(elapsed time.Duration) {
	if elapsed < c.next {
		return
	}
	s := c.s
	switch c.step % 5 {
	case 0:
		s.note("the hub is cut off")
		s.cuts++
		s.link.cut()
		c.next = elapsed + 2500*time.Millisecond
	case 1:
		s.note("kill -9 of the engine, with the hub away")
		s.engine.kill()
		c.next = elapsed + 500*time.Millisecond
	case 2:
		s.note("the engine is started again")
		if err := s.engine.start(); err != nil {
			s.note(err.Error())
		}
		c.next = elapsed + 1500*time.Millisecond
	case 3:
		s.note("the hub is back")
		s.link.mend()
		c.next = elapsed + 2*time.Second
	case 4:
		s.note("kill -9 of the engine, and a start at once")
		s.engine.kill()
		if err := s.engine.start(); err != nil {
			s.note(err.Error())
		}
		c.next = elapsed + 2*time.Second
	}
	c.step++
}
