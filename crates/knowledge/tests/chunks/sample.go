// Package cache keeps values for a while.
package cache

import "time"

// Entry is a value with an end.
type Entry struct {
	Value string
	End   time.Time
}

// Cache holds entries by key.
type Cache struct {
	entries map[string]Entry
}

// Get returns the value of a key that is there and has not ended; what has ended is taken out by the way, so
// that a cache which is only read becomes smaller over time.
func (c *Cache) Get(key string) (string, bool) {
	entry, ok := c.entries[key]
	if !ok || time.Now().After(entry.End) {
		delete(c.entries, key)
		return "", false
	}
	return entry.Value, true
}

// New makes an empty cache.
func New() *Cache {
	return &Cache{entries: map[string]Entry{}}
}
