package main

import "testing"

// TestThreeNodesWithS3 is TestThreeNodes with the artifacts in an S3 server.
func TestThreeNodesWithS3(t *testing.T) {
	t.Parallel()
	location, env := startS3(t)
	threeNodes(t, env, "--artifacts", location)
}
