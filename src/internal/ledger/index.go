package ledger

import (
	"iter"

	"github.com/benbjohnson/immutable"
)

// key is a key of an index. compare returns -1, 0 or 1.
type key[K any] interface{ compare(other K) int }

// index is a sorted map whose copies share what they have in common: a copy costs
// nothing, and a change of one copy leaves the others as they are. The zero value is
// empty.
type index[K key[K], V any] struct{ m *immutable.SortedMap[K, V] }

type order[K key[K]] struct{}

func (order[K]) Compare(a, b K) int { return a.compare(b) }

func (x *index[K, V]) len() int {
	if x.m == nil {
		return 0
	}
	return x.m.Len()
}

func (x *index[K, V]) get(k K) (v V, ok bool) {
	if x.m == nil {
		return v, false
	}
	return x.m.Get(k)
}

func (x *index[K, V]) set(k K, v V) {
	if x.m == nil {
		x.m = immutable.NewSortedMap[K, V](order[K]{})
	}
	x.m = x.m.Set(k, v)
}

func (x *index[K, V]) delete(k K) {
	if x.m != nil {
		x.m = x.m.Delete(k)
	}
}

// all yields everything in order.
func (x *index[K, V]) all() iter.Seq2[K, V] {
	return x.walk(func(i *immutable.SortedMapIterator[K, V]) { i.First() })
}

// from yields what is at k and behind it.
func (x *index[K, V]) from(k K) iter.Seq2[K, V] {
	return x.walk(func(i *immutable.SortedMapIterator[K, V]) { i.Seek(k) })
}

func (x *index[K, V]) walk(begin func(*immutable.SortedMapIterator[K, V])) iter.Seq2[K, V] {
	m := x.m // as it is now, whatever is changed meanwhile
	return func(yield func(K, V) bool) {
		if m == nil || m.Len() == 0 {
			return
		}
		i := m.Iterator()
		for begin(i); !i.Done(); {
			if k, v, _ := i.Next(); !yield(k, v) {
				return
			}
		}
	}
}

// before is the last one at or before k.
func (x *index[K, V]) before(k K) (at K, v V, ok bool) {
	if x.m == nil || x.m.Len() == 0 {
		return at, v, false
	}
	i := x.m.Iterator()
	i.Seek(k)
	if i.Done() {
		i.Last()
		return i.Prev()
	}
	if at, v, ok = i.Prev(); at.compare(k) <= 0 {
		return at, v, ok
	}
	return i.Prev()
}
