package door

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxKeys bounds the memory of a Rate: 10,000 keys are about 2 MB.
const maxKeys = 10_000

// burstSeconds is how many seconds' worth of requests may come at once, since
// people and pages ask in bursts.
const burstSeconds = 20

// Rate allows each key so many requests in a second, in the long run. A nil
// Rate allows everything.
type Rate struct {
	limit rate.Limit
	burst int

	mu    sync.Mutex
	keys  map[string]*rate.Limiter
	swept time.Time
}

// NewRate returns a rate of so many requests in a second for each key, with 20
// seconds' worth of them at once; nil, which allows everything, for 0.
func NewRate(perSecond float64) *Rate {
	if perSecond <= 0 {
		return nil
	}
	return &Rate{limit: rate.Limit(perSecond), burst: max(1, int(perSecond*burstSeconds)), keys: map[string]*rate.Limiter{}}
}

// Take counts a request of a key and returns 0, or how long to wait before the
// next one when there were too many. A refused request is not counted.
func (r *Rate) Take(key string, now time.Time) time.Duration {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	bucket, known := r.keys[key]
	if !known {
		r.makeRoom(now)
		bucket = rate.NewLimiter(r.limit, r.burst)
		r.keys[key] = bucket
	}
	request := bucket.ReserveN(now, 1)
	wait := request.DelayFrom(now)
	if wait > 0 {
		request.CancelAt(now)
	}
	return wait
}

// makeRoom forgets keys when there are too many: first those that have been
// quiet, at most once a second since it looks at all, and else any one. Who
// is forgotten may ask in a burst again, which is better than to refuse
// newcomers.
func (r *Rate) makeRoom(now time.Time) {
	if len(r.keys) < maxKeys {
		return
	}
	if now.Sub(r.swept) >= time.Second {
		r.swept = now
		for key, bucket := range r.keys {
			if bucket.TokensAt(now) >= float64(r.burst) {
				delete(r.keys, key)
			}
		}
	}
	for key := range r.keys {
		if len(r.keys) < maxKeys {
			return
		}
		delete(r.keys, key)
	}
}

// Slots allows so many at a time, in all and for each key. Nil Slots allow
// everything.
type Slots struct {
	all, each int

	mu   sync.Mutex
	used int
	by   map[string]int
}

// NewSlots returns places for so many at a time, in all and for each key.
func NewSlots(all, each int) *Slots {
	return &Slots{all: all, each: each, by: map[string]int{}}
}

// Enter takes a place for a key and returns how to give it back, which must be
// called once; false when all places, or all of the key, are taken.
func (s *Slots) Enter(key string) (leave func(), ok bool) {
	if s == nil {
		return func() {}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used >= s.all || s.by[key] >= s.each {
		return nil, false
	}
	s.used++
	s.by[key]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.used--
		if s.by[key]--; s.by[key] == 0 {
			delete(s.by, key)
		}
	}), true
}
