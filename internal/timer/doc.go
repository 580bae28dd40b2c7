// Package timer understands the times of timer triggers and says which of them
// have come (Zuul: the timer driver, which leaves that to apscheduler).
//
// A time is written as for cron, and means what it means to Zuul, which is not
// always what it means to cron:
//
//		minute hour day month weekday [second [jitter]]
//
//	  - Monday is 0 and Sunday is 6;
//	  - a moment must match the day and the weekday, not one of the two;
//	  - "5/10" is every ten from 5 on, and "last" the last day of the month;
//	  - the jitter, in seconds, is how much later a branch may be at the most.
//
// Times are those of UTC, where no hour is missing or there twice.
//
// The package knows no clock: it is told what time it is.
package timer
