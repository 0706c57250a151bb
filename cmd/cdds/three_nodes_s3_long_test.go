//go:build long

package main

import "testing"

// TestThreeNodesOfAMillionWithS3 has over a million real conversations exported
// into an S3 server by three nodes, of which two are lost.
func TestThreeNodesOfAMillionWithS3(t *testing.T) {
	location, env := startS3(t)
	threeNodesOfAMillion(t, env, "--artifacts", location)
}
