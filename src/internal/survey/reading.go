package survey

import (
	"runtime"
	"sync"

	"github.com/ipguard/ipguard/src/internal/interpolate"
)

// reader reads directors.
type reader struct {
	fleet  *Fleet
	loader *interpolate.Loader
	mode   mode
}

// mode says what is to be found out.
type mode uint8

const (
	// judgeAll: what is wrong with the files of all directors.
	judgeAll mode = iota + 1
	// judgeTargets: what is wrong with those of directors that have targets.
	judgeTargets
	// claimsOnly: nothing but what files claim.
	claimsOnly
)

// read takes some directors through all stages.
func (r reader) read(inputs []input) []judged {
	together := sideBySide(inputs, r.compose)
	return sideBySide(r.readAll(together), func(d documents) judged { return judge(d, r.mode) })
}

// further is what was read before, with what the inputs want beyond it; before is nil
// if nothing was.
func (r reader) further(before []judged, inputs []input) []judged {
	after := make([]judged, len(inputs))
	copy(after, before)
	var due []input
	var at []int
	for i, in := range inputs {
		if after[i].of < in.of {
			due, at = append(due, in), append(at, i)
		}
	}
	for k, read := range r.read(due) {
		after[at[k]] = read
	}
	return after
}

// same reports whether nothing was read beyond what was before.
func same(before, after []judged) bool {
	for i := range after {
		if before[i].of != after[i].of {
			return false
		}
	}
	return true
}

// sideBySide does the same with each element of a list, as many at a time as there are
// processors.
func sideBySide[T, U any](list []T, do func(T) U) []U {
	results := make([]U, len(list))
	tasks := make([]func(), len(list))
	for i := range list {
		tasks[i] = func() { results[i] = do(list[i]) }
	}
	runAll(tasks)
	return results
}

// runAll runs the tasks, as many at a time as there are processors.
func runAll(tasks []func()) {
	next := make(chan func())
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(tasks)) {
		workers.Go(func() {
			for task := range next {
				task()
			}
		})
	}
	for _, task := range tasks {
		next <- task
	}
	close(next)
	workers.Wait()
}
