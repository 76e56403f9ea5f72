package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
)

// JetStream's error codes that matter here.
const (
	codeStreamNotFound  = 10059
	codeMessageNotFound = 10037
	codeMaxConsumers    = 10026
)

type streamConfig struct {
	Name              string   `json:"name"`
	Subjects          []string `json:"subjects"`
	Retention         string   `json:"retention"`
	Storage           string   `json:"storage"`
	Discard           string   `json:"discard"`
	MaxBytes          int64    `json:"max_bytes"`
	MaxMsgs           int64    `json:"max_msgs"`
	MaxAge            int64    `json:"max_age"`
	MaxMsgSize        int64    `json:"max_msg_size"`
	MaxMsgsPerSubject int64    `json:"max_msgs_per_subject"`
	MaxConsumers      int      `json:"max_consumers"`
	Replicas          int      `json:"num_replicas"`
	// The rest is read alone: where else messages come from, and what becomes of their subjects.
	Mirror    json.RawMessage `json:"mirror,omitempty"`
	Sources   json.RawMessage `json:"sources,omitempty"`
	Transform json.RawMessage `json:"subject_transform,omitempty"`
}

type streamInfo struct {
	Error   *APIError    `json:"error"`
	Created time.Time    `json:"created"`
	Config  streamConfig `json:"config"`
	State   struct {
		Messages uint64 `json:"messages"`
		First    uint64 `json:"first_seq"`
		Last     uint64 `json:"last_seq"`
	} `json:"state"`
}

func (i *streamInfo) stateOf() StreamState {
	return StreamState{
		Name: i.Config.Name, CreatedNs: i.Created.UnixNano(), First: max(1, i.State.First), Last: i.State.Last,
		Messages: i.State.Messages, Compacted: i.Config.MaxMsgsPerSubject > 0,
	}
}

type consumerConfig struct {
	Name           string     `json:"name"`
	DeliverPolicy  string     `json:"deliver_policy"`
	OptStartSeq    uint64     `json:"opt_start_seq,omitempty"`
	OptStartTime   *time.Time `json:"opt_start_time,omitempty"`
	AckPolicy      string     `json:"ack_policy"`
	ReplayPolicy   string     `json:"replay_policy"`
	FilterSubject  string     `json:"filter_subject,omitempty"`
	FilterSubjects []string   `json:"filter_subjects,omitempty"`
	MemStorage     bool       `json:"mem_storage"`
	Replicas       int        `json:"num_replicas"`
	InactiveNs     int64      `json:"inactive_threshold"`
	// The rest makes the server push, bounded by its flow control.
	DeliverSubject string `json:"deliver_subject,omitempty"`
	FlowControl    bool   `json:"flow_control,omitempty"`
	HeartbeatNs    int64  `json:"idle_heartbeat,omitempty"`
}

// api does JetStream requests.
type api struct {
	ctx    context.Context
	t      transport
	prefix string // of API subjects
	wait   *patience
}

// patience is how long an answer is waited for: longer, up to requestMax, after each that did not
// come in time, and shorter again, down to least, where answers come soon.
type patience struct{ least, now time.Duration }

const (
	// requestMax is the longest that an answer is waited for, unless the options say more.
	requestMax = time.Minute
	// spare is how many times as long as the newest answer took the next one is waited for at least.
	spare = 4
)

func (p *patience) answered(took time.Duration) { p.now = max(p.least, min(p.now, spare*took)) }

// late tells whether it is worth to wait longer.
func (p *patience) late() bool {
	if p.now >= requestMax {
		return false
	}
	p.now = min(2*p.now, requestMax)
	return true
}

// errNoAnswer is a request whose answer did not come in time.
var errNoAnswer = errors.New("no answer in time")

// ask sends a request until it is answered. All that is asked for may be asked for twice.
func (a *api) ask(subject string, payload []byte) ([]byte, error) {
	for {
		ctx, cancel := context.WithTimeout(a.ctx, a.wait.now)
		began := time.Now()
		answer, err := a.t.request(ctx, subject, payload)
		cancel()
		if err == nil {
			a.wait.answered(time.Since(began))
		}
		if !errors.Is(err, errNoAnswer) || a.ctx.Err() != nil || !a.wait.late() {
			return answer, err
		}
	}
}

// request sends a request and reads its answer into v.
func (a *api) request(subject string, body any, v any) error {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return err
		}
	}
	answer, err := a.ask(a.prefix+subject, payload)
	if err != nil {
		if cause := context.Cause(a.ctx); cause != nil {
			err = cause
		}
		if errors.Is(err, ErrNoJetStream) {
			return err
		}
		return fmt.Errorf("%s request: %w", strings.SplitN(subject, ".", 3)[0], err)
	}
	if err := json.Unmarshal(answer, v); err != nil {
		return fmt.Errorf("%s: %w", subject, err)
	}
	return nil
}

// streamInfo asks for a stream; ErrNoStream when there is none.
func (a *api) streamInfo(stream string) (*streamInfo, error) {
	var i streamInfo
	if err := a.request("STREAM.INFO."+stream, nil, &i); err != nil {
		return nil, err
	}
	if i.Error != nil {
		if i.Error.ErrCode == codeStreamNotFound {
			return nil, ErrNoStream
		}
		return nil, i.Error
	}
	return &i, nil
}

func (a *api) createStream(c streamConfig) (*streamInfo, error) {
	var i streamInfo
	if err := a.request("STREAM.CREATE."+c.Name, c, &i); err != nil {
		return nil, err
	}
	if i.Error != nil {
		return nil, i.Error
	}
	return &i, nil
}

// message asks for the message at seq.
func (a *api) message(stream string, seq uint64) (StoredMessage, error) {
	var r struct {
		Error   *APIError `json:"error"`
		Message struct {
			Subject string    `json:"subject"`
			Data    []byte    `json:"data"`
			Time    time.Time `json:"time"`
		} `json:"message"`
	}
	if err := a.request("STREAM.MSG.GET."+stream, map[string]uint64{"seq": seq}, &r); err != nil {
		return StoredMessage{}, err
	}
	if r.Error != nil {
		if r.Error.ErrCode == codeMessageNotFound {
			return StoredMessage{}, nil
		}
		return StoredMessage{}, r.Error
	}
	var d xxhash.Digest
	ns := r.Message.Time.UnixNano()
	return StoredMessage{Found: true, StoredNs: ns, Hash: messageHash(&d, ns, []byte(r.Message.Subject), r.Message.Data)}, nil
}

// storedAfter finds the first message that was stored after a time, ns since 1970; one past
// the stream's last when there is none. Times are taken to rise with sequences.
func (a *api) storedAfter(st StreamState, ns int64) (uint64, error) {
	from, to := st.First, st.Last+1
	for from < to {
		mid := from + (to-from)/2
		var r struct {
			Error   *APIError `json:"error"`
			Message struct {
				Seq  uint64    `json:"seq"`
				Time time.Time `json:"time"`
			} `json:"message"`
		}
		// The message at mid, or the next where that is gone.
		req := struct {
			Seq  uint64 `json:"seq"`
			Next string `json:"next_by_subj"`
		}{mid, ">"}
		if err := a.request("STREAM.MSG.GET."+st.Name, req, &r); err != nil {
			return 0, err
		}
		switch {
		case r.Error != nil && r.Error.ErrCode != codeMessageNotFound:
			return 0, r.Error
		case r.Error != nil || r.Message.Time.UnixNano() > ns:
			to = mid
		default:
			from = max(mid, r.Message.Seq) + 1
		}
	}
	return from, nil
}

// createConsumer returns how many messages wait for it.
func (a *api) createConsumer(stream string, c consumerConfig) (pending uint64, err error) {
	var r struct {
		Error   *APIError `json:"error"`
		Pending uint64    `json:"num_pending"`
	}
	req := struct {
		Stream string         `json:"stream_name"`
		Config consumerConfig `json:"config"`
	}{stream, c}
	if err := a.request("CONSUMER.CREATE."+stream+"."+c.Name, req, &r); err != nil {
		return 0, err
	}
	if r.Error != nil {
		return 0, r.Error
	}
	return r.Pending, nil
}

// createCommand is the `nats` command that makes the stream of c.
func createCommand(c streamConfig) string {
	s := fmt.Sprintf("nats stream add %s --subjects '%s' --storage file --retention limits --discard %s --replicas %d", c.Name, strings.Join(c.Subjects, ","), c.Discard, c.Replicas)
	if c.MaxBytes > 0 {
		s += fmt.Sprintf(" --max-bytes %d", c.MaxBytes)
	}
	if c.MaxAge > 0 {
		s += fmt.Sprintf(" --max-age %s", time.Duration(c.MaxAge))
	}
	return s + " --defaults"
}

// permanent tells that trying again cannot help until somebody changes something.
func permanent(err error) bool {
	var pe *PositionError
	var ae *APIError
	switch {
	case errors.As(err, &pe), errors.Is(err, ErrNoStream), errors.Is(err, ErrOption), errors.Is(err, errMoved):
		return true
	case errors.As(err, &ae):
		return ae.Code == 400 && !full(err) || ae.Code == 404
	}
	return false
}
