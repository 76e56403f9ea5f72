package expr

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	Register(
		&Func{Name: "RAND", Signature: "RAND([seed])", Category: "arithmetic", Volatile: true,
			Doc: "A random DOUBLE from 0 up to 1, fixed by the row's origin; with a seed, the next of the seed's sequence.", Resolve: resolveRand},
		&Func{Name: "RAND_INTEGER", Signature: "RAND_INTEGER([seed,] bound)", Category: "arithmetic", Volatile: true,
			Doc: "A random INT from 0 up to the bound, fixed by the row's origin; with a seed, the next of the seed's sequence.", Resolve: resolveRandInteger},
		&Func{Name: "UUID", Signature: "UUID()", Category: "string", Volatile: true,
			Doc: "A UUID of version 4 (RFC 9562), fixed by the row's origin.", Resolve: resolveUUID},
	)
}

// rowRandom is a number that looks random and is the same whenever the row is computed
// again: the row's origin, the call and Env.Seed through splitmix64
// (https://prng.di.unimi.it/splitmix64.c).
func rowRandom(c *RowCtx, n uint64) uint64 {
	h := c.Env.Seed
	for _, w := range [4]uint64{c.Origin.Seq, uint64(c.Origin.Row)<<32 | uint64(c.Origin.Source), uint64(c.Ordinal), n} {
		h += 0x9e3779b97f4a7c15 + w
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// javaRandom is the linear congruential generator that java.util.Random documents.
type javaRandom struct{ seed int64 }

func newJavaRandom(seed int64) *javaRandom {
	return &javaRandom{(seed ^ 0x5DEECE66D) & (1<<48 - 1)}
}

func (r *javaRandom) next(bits uint) int32 {
	r.seed = (r.seed*0x5DEECE66D + 0xB) & (1<<48 - 1)
	return int32(r.seed >> (48 - bits))
}

func (r *javaRandom) double() float64 {
	hi := int64(r.next(26)) << 27
	return float64(hi+int64(r.next(27))) / (1 << 53)
}

// below is a number from 0 up to bound, which is positive.
func (r *javaRandom) below(bound int32) int32 {
	n := r.next(31)
	if bound&(bound-1) == 0 {
		return int32(int64(bound) * int64(n) >> 31)
	}
	for n-n%bound+(bound-1) < 0 {
		n = r.next(31)
	}
	return n % bound
}

// seeded is the generator of a row: kept from row to row when the seed is constant.
func seeded(c *RowCtx, seed int64, constant bool) *javaRandom {
	if !constant {
		return newJavaRandom(seed)
	}
	r, _ := c.Memo.(*javaRandom)
	if r == nil {
		r = newJavaRandom(seed)
		c.Memo = r
	}
	return r
}

func resolveRand(args []Node) (Resolved, error) {
	if err := argCount("RAND", args, 0, 1); err != nil {
		return Resolved{}, err
	}
	ts := typesOf(args, types.TInt)
	if len(args) == 0 {
		return Resolved{Type: types.TDouble.Required(), Impl: Impl{Row: func(c *RowCtx, _ []vec.Datum) (vec.Datum, error) {
			return vec.FloatDatum(float64(rowRandom(c, 0)>>11) / (1 << 53)), nil
		}}}, nil
	}
	if !ts[0].IsInteger() {
		return Resolved{}, wrongArg("RAND", 0, "an integer", ts[0])
	}
	_, constant := constantOf(args[0])
	return Resolved{Type: strictType(types.TDouble, ts...), Args: ts, Impl: Impl{Row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
		return vec.FloatDatum(seeded(c, a[0].I, constant).double()), nil
	}}}, nil
}

func resolveRandInteger(args []Node) (Resolved, error) {
	if err := argCount("RAND_INTEGER", args, 1, 2); err != nil {
		return Resolved{}, err
	}
	ts := typesOf(args, types.TInt)
	for i, t := range ts {
		if !t.IsInteger() {
			return Resolved{}, wrongArg("RAND_INTEGER", i, "an integer", t)
		}
	}
	_, constant := constantOf(args[0])
	return Resolved{Type: strictType(types.TInt, ts...), Args: ts, Impl: Impl{Row: func(c *RowCtx, a []vec.Datum) (vec.Datum, error) {
		bound := int32(a[len(a)-1].I)
		if bound <= 0 {
			return vec.NullDatum, errBound
		}
		if len(a) == 1 {
			return vec.IntDatum(int64(rowRandom(c, 0)>>33) % int64(bound)), nil
		}
		return vec.IntDatum(int64(seeded(c, a[0].I, constant).below(bound))), nil
	}}}, nil
}

func resolveUUID(args []Node) (Resolved, error) {
	if err := argCount("UUID", args, 0, 0); err != nil {
		return Resolved{}, err
	}
	return Resolved{Type: types.CharOf(36).Required(), Impl: Impl{Row: func(c *RowCtx, _ []vec.Datum) (vec.Datum, error) {
		var u [16]byte
		binary.BigEndian.PutUint64(u[:8], rowRandom(c, 1))
		binary.BigEndian.PutUint64(u[8:], rowRandom(c, 2))
		u[6] = u[6]&0x0f | 0x40
		u[8] = u[8]&0x3f | 0x80
		b := c.Buf[:0]
		for i := range u {
			if i == 4 || i == 6 || i == 8 || i == 10 {
				b = append(b, '-')
			}
			b = hex.AppendEncode(b, u[i:i+1])
		}
		c.Buf = b
		return vec.BytesDatum(b), nil
	}}}, nil
}
