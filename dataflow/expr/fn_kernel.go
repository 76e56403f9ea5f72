package expr

import "github.com/edgeflow/edgeflow/dataflow/vec"

// The kernels of simple string functions of strict arguments. The caller has marked the
// rows whose arguments are NULL.

// eachRow calls f for the selected rows whose result is not NULL yet.
func eachRow(out *vec.Vector, n int, sel []int32, f func(i int)) {
	if sel == nil {
		for i := range n {
			if !out.IsNull(i) {
				f(i)
			}
		}
		return
	}
	for _, i := range sel {
		if !out.IsNull(int(i)) {
			f(int(i))
		}
	}
}

// bytesKernel makes a kernel of a function that appends its result for one string.
func bytesKernel(appendTo func(dst, s []byte) []byte) Kernel {
	return func(_ *Ctx, args []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		a := args[0]
		if sel == nil {
			for i := range n {
				if !out.IsNull(i) {
					out.EndGrow(i, appendTo(out.Grow(), a.Bytes(i)))
				}
			}
			return
		}
		for _, i := range sel {
			if !out.IsNull(int(i)) {
				out.EndGrow(int(i), appendTo(out.Grow(), a.Bytes(int(i))))
			}
		}
	}
}

// intOfBytesKernel makes a kernel of an integer of one string.
func intOfBytesKernel(f func(b []byte) int64) Kernel {
	return func(_ *Ctx, args []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		a, x := args[0], out.I64
		eachRow(out, n, sel, func(i int) { x[i] = f(a.Bytes(i)) })
	}
}

// boolOfBytes2Kernel makes a kernel of a predicate over two strings.
func boolOfBytes2Kernel(f func(a, b []byte) bool) Kernel {
	return func(_ *Ctx, args []*vec.Vector, out *vec.Vector, n int, sel []int32) {
		a, b, x := args[0], args[1], out.I64
		eachRow(out, n, sel, func(i int) {
			x[i] = 0
			if f(a.Bytes(i), b.Bytes(i)) {
				x[i] = 1
			}
		})
	}
}

// concatKernel concatenates its arguments.
func concatKernel(_ *Ctx, args []*vec.Vector, out *vec.Vector, n int, sel []int32) {
	eachRow(out, n, sel, func(i int) {
		b := out.Grow()
		for _, a := range args {
			b = append(b, a.Bytes(i)...)
		}
		out.EndGrow(i, b)
	})
}
