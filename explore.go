//go:build ste_explore

package ste

// Collected does to b what the garbage collector does when nobody holds it. It is for
// internal/orders, and there only in the exploring build.
func Collected[T any](b *Bound[T]) { b.core.Get().collected() }
