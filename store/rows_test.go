//go:build !long

package store_test

// manyRows is how many jobs and runs the test of query plans works with.
const manyRows = 5000
