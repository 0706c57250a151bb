//go:build long

package store_test

// manyRows is how many jobs and runs the lists must stay fluid with.
const manyRows = 100000
