package queue

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// errPanicked ends a task whose work panicked.
var errPanicked = errors.New("the work on the task panicked; the log has the place")

// guarded runs the owner's function and turns a panic into an error. River
// would catch a panic too, but would log its value and keep it in the database,
// and a panic's value may hold customer data. What is logged is where it
// happened; the text of the value only where the Go runtime wrote it.
func (g *guard) guarded(ctx context.Context, t Task) (err error) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		reason := fmt.Sprintf("a value of type %T", value)
		if fault, ours := value.(runtime.Error); ours {
			reason = fault.Error()
		}
		g.log.Error("panic while working a task", "run", t.RunID, "attempt", t.Attempt, "panic", reason, "stack", string(debug.Stack()))
		err = errPanicked
	}()
	return g.work(ctx, t)
}
