// Package cdds holds the nouns of the Cloud Data Download Service and their
// rules: job, schedule, timeframe, run, artifact, certificate, user.
//
// Everything here is a value or a pure function. The package uses the standard
// library only, does no I/O and never asks for the time: rules take now as an
// argument, so that each of them can be tested as a table. Storage formats,
// wire formats and SQL live in the packages that own them.
package cdds
