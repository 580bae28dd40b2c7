package modelcheck

import (
	"encoding/binary"
	"math/bits"
)

// fingerprint is a hash of 128 bits. Of 10^8 states two share one with a probability below 10^-22.
type fingerprint struct{ hi, lo uint64 }

// writer collects a state's bytes.
type writer struct {
	b [256]byte
	n int
}

func (w *writer) byte(b uint8) {
	w.b[w.n] = b
	w.n++
}

func (w *writer) flags(flags ...bool) {
	b := uint8(0)
	for i, f := range flags {
		if f {
			b |= 1 << i
		}
	}
	w.byte(b)
}

func (w *writer) sequences(s [projects]sequence) {
	for _, x := range s {
		binary.LittleEndian.PutUint32(w.b[w.n:], uint32(x))
		w.n += 4
	}
}

func (w *writer) place(p place, f facts) {
	w.byte(p.epoch | p.ahead<<5)
	w.byte(p.aheadEpoch | uint8(f.jobs[0])<<5)
	w.byte(f.epoch | uint8(f.jobs[1])<<5)
}

// encode writes a canonical state; different states give different bytes.
func (s *state) encode(w *writer) {
	w.n = 0
	w.byte(s.arrived | s.seen<<4)
	for _, a := range s.arrival {
		w.byte(a)
	}
	w.byte(s.window | s.size<<4)
	w.flags(s.busy, s.acting, s.last, s.closed[0], s.closed[1], s.closed[2], s.closed[3])
	w.flags(s.forgot)
	w.byte(s.failures)
	w.byte(s.pushes | s.leaves<<4)
	w.byte(s.refusals | s.crashes<<4)
	w.sequences(s.branch)
	for i := range s.items {
		it := &s.items[i]
		w.byte(uint8(s.told[i]) | uint8(it.reported)<<4)
		w.flags(it.gone, it.leave, it.merged, it.active, it.halted, it.problem, it.canceled, it.givenUp)
		w.place(it.place, it.facts)
		w.byte(it.rescuer)
		w.sequences(it.tested)
		if !s.busy {
			continue
		}
		k := &s.memory[i]
		w.byte(uint8(k.todo) | uint8(k.reported)<<2 | uint8(k.tell)<<5)
		w.flags(k.gone, k.leave, k.merged, k.active, k.halted, k.problem, k.canceled, k.givenUp)
		w.flags(k.asked, k.refuses, k.moved, k.raced)
		w.byte(k.rescuer)
		w.place(k.place, k.facts)
	}
	for i := range s.verdicts[:s.nVerdict] {
		v := &s.verdicts[i]
		w.byte(v.item | uint8(v.jobs[0])<<3 | uint8(v.jobs[1])<<5)
		w.sequences(v.tested)
	}
}

// print hashes what was written.
func (w *writer) print() fingerprint {
	const k0, k1, k2 = 0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3
	for i := w.n; i%16 != 0; i++ {
		w.b[i] = 0
	}
	hi, lo := uint64(w.n)*k0, k1^uint64(w.n)
	for i := 0; i < w.n; i += 16 {
		a, b := binary.LittleEndian.Uint64(w.b[i:]), binary.LittleEndian.Uint64(w.b[i+8:])
		hi = mix(a^hi^k1, b^k0) ^ bits.RotateLeft64(lo, 23)
		lo = mix(b^lo^k2, a^k1) + bits.RotateLeft64(hi, 41)
	}
	return fingerprint{mix(hi^k0, lo^k2), mix(lo^k1, hi^k0)}
}

func mix(a, b uint64) uint64 {
	h, l := bits.Mul64(a, b)
	return h ^ l
}
