package store

// A Batch collects conditions and writes for one [DB.Commit]. The zero Batch is empty and ready. It
// keeps the values that it is given, not copies: they must not be changed before Commit returns.
type Batch struct {
	conditions  []Condition
	writes      []Write
	readVersion uint64
}

// A Condition is what a key must hold for a batch to be applied.
type Condition struct {
	Key   Key
	Value []byte // nil: the key must be absent; empty: present and empty
}

// A Write is one change of a batch.
type Write struct {
	Kind  WriteKind
	Key   Key
	Value []byte // of a Put; nil is empty
	Delta int64  // of an Add
}

// A WriteKind says what a Write does.
type WriteKind uint8

// The kinds of Write.
const (
	WritePut WriteKind = iota
	WriteDelete
	WriteAdd
)

// Require makes the batch conflict unless key holds exactly value before the batch. A value of nil
// means that the key is absent, so that what Get returned can be required as it is.
func (b *Batch) Require(key Key, value []byte) {
	b.conditions = append(b.conditions, Condition{Key: key, Value: value})
}

// RequireAbsent makes the batch conflict if key has a value before the batch. That is how to write
// something once: there is no need to Get it first.
func (b *Batch) RequireAbsent(key Key) {
	b.Require(key, nil)
}

// SetReadVersion says that the value of every condition is what a Get or Scan returned that was called after DB.Version had returned
// version. Where nothing was committed since, all of them hold, and the engine need not look. 0 says nothing.
func (b *Batch) SetReadVersion(version uint64) { b.readVersion = version }

// ReadVersion returns what SetReadVersion was told. It is for engines.
func (b *Batch) ReadVersion() uint64 { return b.readVersion }

// Put sets the value of key. A nil value is stored as an empty one.
func (b *Batch) Put(key Key, value []byte) {
	b.writes = append(b.writes, Write{Kind: WritePut, Key: key, Value: value})
}

// Delete removes key. Deleting what is absent is no error.
func (b *Batch) Delete(key Key) {
	b.writes = append(b.writes, Write{Kind: WriteDelete, Key: key})
}

// Add adds n, which may be negative or 0, to the counter under key. A counter is a value like any other:
// an int64 in decimal ASCII in its shortest form ("0", "-17"; neither "+1", "007" nor ""). An absent
// one counts as 0, and is present afterwards. Several Adds to one key of a batch accumulate; every
// one of them, in order, must stay in the range of int64, else the whole batch fails.
func (b *Batch) Add(key Key, n int64) {
	b.writes = append(b.writes, Write{Kind: WriteAdd, Key: key, Delta: n})
}

// Len returns how many writes the batch holds. Conditions do not count.
func (b *Batch) Len() int { return len(b.writes) }

// Reset empties the batch for another use, and keeps its memory.
func (b *Batch) Reset() {
	clear(b.conditions)
	clear(b.writes)
	b.conditions, b.writes, b.readVersion = b.conditions[:0], b.writes[:0], 0
}

// Conditions returns the conditions in the order in which they were added. It is for engines, which
// must not change them.
func (b *Batch) Conditions() []Condition { return b.conditions }

// Writes returns the writes in the order in which they were added. It is for engines, which must not
// change them.
func (b *Batch) Writes() []Write { return b.writes }
