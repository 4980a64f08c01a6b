package sharedread_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ipguard/ipguard/src/internal/sharedread"
)

// TestNothingOld: whoever asks after something was written reads it, whatever reading was
// under way; and many share one reading.
func TestNothingOld(t *testing.T) {
	const askers, questions, keys = 50, 200, 7
	var r sharedread.Reader[int, int64]
	var written [keys]atomic.Int64
	var readings atomic.Int64
	read := func(_ context.Context, wanted []int) (map[int]int64, error) {
		readings.Add(1)
		values := map[int]int64{}
		for _, k := range wanted {
			if _, twice := values[k]; twice {
				t.Errorf("key %d is read twice at once", k)
			}
			values[k] = written[k].Load()
		}
		return values, nil
	}
	var all sync.WaitGroup
	for range askers {
		all.Go(func() {
			for range questions {
				k := rand.IntN(keys)
				least := written[k].Add(1)
				var got int64
				var err error
				if rand.IntN(3) == 0 {
					var all map[int]int64
					all, err = r.GetAll(t.Context(), []int{(k + 1) % keys, k, k}, read)
					got = all[k]
				} else {
					got, err = r.Get(t.Context(), k, read)
				}
				if err != nil || got < least {
					t.Errorf("read %d of key %d, %v: %d was written before", got, k, err, least)
				}
			}
		})
	}
	all.Wait()
	if n := readings.Load(); n == 0 || n >= askers*questions {
		t.Errorf("%d readings for %d questions: nothing was shared", n, askers*questions)
	}
}

// TestLeaving: who goes away is not answered, and takes nobody along; nor does a reading
// that panics.
func TestLeaving(t *testing.T) {
	var r sharedread.Reader[string, string]
	var readings atomic.Int64
	begun, end := make(chan struct{}), make(chan struct{})
	read := func(ctx context.Context, keys []string) (map[string]string, error) {
		if readings.Add(1) == 1 {
			close(begun)
			<-end
		}
		if keys[0] == "broken" {
			panic("broken")
		}
		return map[string]string{keys[0]: "read " + keys[0]}, ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	left, stayed := make(chan error), make(chan string)
	go func() {
		_, err := r.Get(ctx, "a", read)
		left <- err
	}()
	<-begun
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who went away got %v", err)
	}
	go func() {
		v, _ := r.Get(t.Context(), "b", read)
		stayed <- v
	}()
	close(end)
	if v := <-stayed; v != "read b" {
		t.Errorf("who stayed got %q", v)
	}
	if v, err := r.Get(t.Context(), "broken", read); err == nil || v != "" {
		t.Errorf("a reading that panics answered %q, %v", v, err)
	}
	if all, err := r.GetAll(t.Context(), []string{"broken", "d"}, read); err == nil {
		t.Errorf("a reading that panics answered %q", all)
	}
	if all, err := r.GetAll(t.Context(), nil, read); err != nil || len(all) != 0 {
		t.Errorf("no question was answered %q, %v", all, err)
	}
	if v, err := r.Get(t.Context(), "c", read); err != nil || v != "read c" {
		t.Errorf("after that: %q, %v", v, err)
	}
}

// TestMany: keys that no reading takes all at once are all answered.
func TestMany(t *testing.T) {
	var r sharedread.Reader[int, int]
	keys := make([]int, 5000)
	for i := range keys {
		keys[i] = i
	}
	all, err := r.GetAll(t.Context(), keys, func(_ context.Context, wanted []int) (map[int]int, error) {
		values := map[int]int{}
		for _, k := range wanted {
			if k%7 != 0 {
				values[k] = -k
			}
		}
		return values, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if v, ok := all[k]; ok != (k%7 != 0) || v != -k && ok {
			t.Fatalf("key %d: %d, %v", k, v, ok)
		}
	}
}
