// Package orders has the tests that run the library in every order of its steps, and
// those that see that they find mistakes; build tag ste_explore. docs/reliability.md
// explains them. They are a package of their own, which is quickly built.
package orders
