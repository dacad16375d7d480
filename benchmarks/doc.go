// Package benchmarks is the folder of ste's measuring instrument, which is in matrix,
// and of its soak. It is a module of its own, so that users of the library inherit
// none of its dependencies.
package benchmarks
