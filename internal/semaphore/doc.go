// Package semaphore decides which builds hold which semaphores (Zuul: semaphore
// handler). It is level-based: from what is held now, from who waits and from
// how many may hold each, it says who is to hold each.
//
// 1. Who holds a semaphore keeps it as long as the build lives. A maximum that
// became smaller takes nothing away.
//
// 2. A build gets all that it needs in one decision, or nothing. What a decision
// gives is written one semaphore after the other, in the order of Compare; a
// process that dies in between leaves builds with the first few of theirs. They
// are served before everybody else, so nobody can come between: as all of them
// hold what comes first and wait for what comes later, they cannot wait in a circle.
// One semaphore that cannot be written is as such a death for the builds that should
// have got it, and for nobody else.
//
// 3. Otherwise the order of the queues decides: precedence of the pipeline, place
// in the queue, age. Nobody takes a semaphore for which a build before it waits,
// so nobody waits for ever. A build that waits for one which may have no holder at
// all is in nobody's way.
package semaphore
