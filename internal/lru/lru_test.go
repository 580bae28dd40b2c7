package lru

import "testing"

func TestGetOrPut(t *testing.T) {
	c := New[int, *int](2)
	create := func() *int { return new(int) }
	one := c.GetOrPut(1, create)
	if c.GetOrPut(1, create) != one {
		t.Error("made twice")
	}
	c.GetOrPut(2, create)
	c.GetOrPut(1, create)
	c.GetOrPut(3, create)
	if _, ok := c.Get(2); ok {
		t.Error("more than there may be")
	}
	if got, ok := c.Get(1); !ok || got != one {
		t.Error("the one used last was forgotten")
	}
}
