package main

// version is the product's version. A release sets it when it is linked
// (make release VERSION=1.2.3); it never changes while the program runs.
var version = "0.1.0-dev"
