// Command cdds is the whole product in one binary: the service, the sample
// data, the tools of the operator and the decrypter of the data user.
//
// It is the only place that knows every package. main.go parses, config.go
// reads the settings, wire.go builds the parts, and each command stands in its
// own file. Exit codes: 0 ok, 1 failed, 2 bad usage or input, 3 not found, 4
// not allowed. Results go to stdout, all else to stderr.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // schedules name time zones, and a slim machine may have none

	"github.com/alecthomas/kong"

	"cdds"
)

// commands is the command line. Flags that several commands share are in
// config.go.
type commands struct {
	Config  string           `help:"YAML file with settings, one line each, named as the flags." placeholder:"FILE" env:"CDDS_CONFIG" type:"path"`
	Version kong.VersionFlag `help:"Print the version."`

	Serve     serveCommand     `cmd:"" help:"Run the service."`
	Demo      demoCommand      `cmd:"" help:"Write the sample Contact History, a sample tenant, user, certificate and key."`
	Migrate   migrateCommand   `cmd:"" help:"Bring the metadata database to this version."`
	Source    sourceCommand    `cmd:"" help:"Look at the source database."`
	Tenant    tenantCommand    `cmd:"" help:"Add, list and change tenants, with their sources and limits."`
	User      userCommand      `cmd:"" help:"Add, list and change users."`
	Nodes     nodesCommand     `cmd:"" help:"List the nodes of the deployment."`
	Token     tokenCommand     `cmd:"" help:"Make, list and revoke API tokens."`
	Audit     auditCommand     `cmd:"" help:"Show, export and verify the audit log."`
	Recipient recipientCommand `cmd:"" help:"Add, list and remove certificates that all exports of a tenant are encrypted to."`
	Decrypt   decryptCommand   `cmd:"" help:"Decrypt artifacts, of any size, to the files inside."`
	Verify    verifyCommand    `cmd:"" help:"Compare all stored artifacts with their checksums, and mark damaged ones."`
	Backup    backupCommand    `cmd:"" help:"Copy the metadata database to a file, also while the service runs."`
	Restore   restoreCommand   `cmd:"" help:"Put a backup of the metadata database back in place."`
	Probe     probeCommand     `cmd:"" help:"Ask the service on this machine whether it is well, for a container's health check."`
	Doctor    doctorCommand    `cmd:"" help:"Check database, migrations, storage, source, clocks, disks and certificates, and say what to do."`
}

// streams are the process's inputs and outputs, so that tests can give others.
type streams struct {
	In       io.Reader
	Out, Err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, std streams) int {
	syscall.Umask(0o077) // what CDDS writes is its user's own
	std.Err = redactor{std.Err}
	var cli commands
	exited := -1
	settings, err := readSettings(configPath(args))
	if err != nil {
		fmt.Fprintln(std.Err, "cdds: error:", err)
		return 2
	}
	parser, err := newParser(&cli, settings,
		kong.Writers(std.Out, std.Err), kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(std))
	if err != nil {
		fmt.Fprintln(std.Err, "cdds: error:", err)
		return 1
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited // --help or --version has answered
	}
	if err != nil {
		fmt.Fprintln(std.Err, "cdds: error:", err)
		fmt.Fprintln(std.Err, "cdds: hint: cdds --help lists the commands, cdds COMMAND --help its flags.")
		return 2
	}
	warnOfSecrets(newLog(std.Err, false), parsed.Path)
	return report(std.Err, parsed.Run())
}

// newParser returns the parser of the command line and of a settings file, ""
// for none.
func newParser(cli *commands, settings *fileResolver, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(cli, append(options, kong.Name("cdds"),
		kong.Description("Exports Contact History into encrypted files that only the owner of the certificate can read."),
		kong.Vars{"version": version}, kong.UsageOnError(), kong.Resolvers(settings))...)
}

// report prints an error for people and maps its code to the exit code. This
// is the one place where codes become exit codes.
func report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	var e *cdds.Error
	if !errors.As(err, &e) {
		fmt.Fprintln(w, "cdds: error:", err)
		return 1
	}
	fmt.Fprintln(w, "cdds: error:", err)
	if e.Hint != "" {
		fmt.Fprintln(w, "cdds: hint:", e.Hint)
	}
	switch e.Code {
	case cdds.CodeInvalid:
		return 2
	case cdds.CodeNotFound:
		return 3
	case cdds.CodeForbidden, cdds.CodeUnauthenticated:
		return 4
	}
	return 1
}
