// Package examples holds programs that use ste, one per folder. They are a
// module of their own, so that what they need stays with them.
package examples
