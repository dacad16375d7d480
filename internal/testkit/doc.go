// Package testkit is what the tests of several packages share: how often a race runs
// and how long a test waits (flags.go), waiting, racing and collecting (wait.go), TestMain
// and what must not outlive the tests (main.go), processes of their own (child.go), what
// users of the library do, also wrongly (user.go).
//
// It does not import the library, so that the tests of its innermost packages can use it.
package testkit
