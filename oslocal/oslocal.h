// What the Go side of oslocal asks of C. Every function may be called on any
// thread.

#include <stdint.h>

// The word of a thread says what Go knows it by: 0 for a thread that has asked
// for nothing yet, its number while it lives, and this once its end has begun.
#define STE_OSLOCAL_ENDED UINT64_MAX

// ste_oslocal_setup makes the key. bell is the file, if the system works with
// files, to which the end of a thread writes a byte. It returns an error number.
int ste_oslocal_setup(int bell);

// ste_oslocal_offset returns the distance of the word from the thread pointer,
// where there is such a thing.
int64_t ste_oslocal_offset(void);

// ste_oslocal_word returns the calling thread's word.
uint64_t ste_oslocal_word(void);

// ste_oslocal_attach makes number the word of the calling thread, whose word is 0
// (it is left alone if it is not), and has the thread's end noted.
int ste_oslocal_attach(uint64_t number);

// ste_oslocal_swap lets the calling thread stand for another word, and returns
// what restores its own.
uintptr_t ste_oslocal_swap(uint64_t number);
void ste_oslocal_restore(uintptr_t old);

// ste_oslocal_take stores the numbers of up to n threads that have ended, each
// once, and returns how many. Only the releasing goroutine calls it.
int ste_oslocal_take(uint64_t *numbers, int n);

// ste_oslocal_wake wakes the releasing goroutine, as the end of a thread does.
void ste_oslocal_wake(void);

// ste_oslocal_wait waits for that, on Windows.
void ste_oslocal_wait(void);

// ste_oslocal_elsewhere calls steOslocalElsewhere on a new thread.
int ste_oslocal_elsewhere(void);

// A key of its own for one object.
int ste_oslocal_key_new(uintptr_t *key);
void ste_oslocal_key_delete(uintptr_t key);
int ste_oslocal_key_set(uintptr_t key, uintptr_t word);
