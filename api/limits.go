package api

import (
	"context"
	"time"

	"cdds"
	"cdds/door"
)

// inTime counts a request of a key, and refuses it when there were too many.
func (s *server) inTime(limit *door.Rate, key string) error {
	wait := limit.Take(key, s.now())
	if wait <= 0 {
		return nil
	}
	return &cdds.Error{
		Code: cdds.CodeLimited, Message: "These are too many requests in too little time.",
		Hint: "Wait as long as Retry-After says, and ask less often.", RetryAfter: wait,
	}
}

// downloadWait is after how long a refused download may be asked for again.
const downloadWait = 10 * time.Second

// enter takes a place for a download of the caller and returns how to give it
// back.
func (s *server) enter(ctx context.Context) (leave func(), err error) {
	leave, ok := s.Limits.Downloads.Enter(caller(ctx).User.ID)
	if !ok {
		return nil, &cdds.Error{
			Code: cdds.CodeLimited, Message: "Too many downloads are under way, yours or those of all.",
			Hint: "Let some of them end first.", RetryAfter: downloadWait,
		}
	}
	return leave, nil
}
