package timer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func at(t testing.TB, text string) time.Time {
	t.Helper()
	m, err := time.Parse(time.DateTime, text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestNext has what Zuul means by a time. 2026-11-21 is a Saturday.
func TestNext(t *testing.T) {
	for name, tc := range map[string]struct {
		time, after string
		want        []string
	}{
		"at midnight":               {"0 0 * * *", "2026-11-21 17:45:00", []string{"2026-11-22 00:00:00", "2026-11-23 00:00:00"}},
		"not at the moment itself":  {"0 0 * * *", "2026-11-21 00:00:00", []string{"2026-11-22 00:00:00"}},
		"of a second that goes on":  {"0 0 * * *", "2026-11-20 23:59:59", []string{"2026-11-21 00:00:00"}},
		"every quarter of an hour":  {"*/15 * * * *", "2026-11-21 23:40:00", []string{"2026-11-21 23:45:00", "2026-11-22 00:00:00"}},
		"every 20 minutes from 5":   {"5/20 * * * *", "2026-11-21 10:00:00", []string{"2026-11-21 10:05:00", "2026-11-21 10:25:00", "2026-11-21 10:45:00", "2026-11-21 11:05:00"}},
		"a range with steps":        {"0 8-17/4 * * *", "2026-11-21 07:00:00", []string{"2026-11-21 08:00:00", "2026-11-21 12:00:00", "2026-11-21 16:00:00", "2026-11-22 08:00:00"}},
		"a list":                    {"0,30 6,18 * * *", "2026-11-21 06:00:00", []string{"2026-11-21 06:30:00", "2026-11-21 18:00:00"}},
		"Monday is 0":               {"0 0 * * 0", "2026-11-21 17:45:00", []string{"2026-11-23 00:00:00", "2026-11-30 00:00:00"}},
		"Sunday is 6":               {"0 0 * * 6", "2026-11-21 17:45:00", []string{"2026-11-22 00:00:00"}},
		"weekdays by name":          {"0 0 * * Mon-fri", "2026-11-21 17:45:00", []string{"2026-11-23 00:00:00", "2026-11-24 00:00:00"}},
		"weekends by name":          {"0 0 * * sat,sun", "2026-11-21 17:45:00", []string{"2026-11-22 00:00:00", "2026-11-28 00:00:00"}},
		"months by name":            {"0 0 1 mar-apr *", "2026-11-21 17:45:00", []string{"2027-03-01 00:00:00", "2027-04-01 00:00:00", "2028-03-01 00:00:00"}},
		"both the day and the week": {"0 0 13 * 4", "2026-11-21 17:45:00", []string{"2027-08-13 00:00:00"}},
		"days of steps begin at 1":  {"0 0 */10 * *", "2026-11-21 17:45:00", []string{"2026-12-01 00:00:00", "2026-12-11 00:00:00", "2026-12-21 00:00:00", "2026-12-31 00:00:00", "2027-01-01 00:00:00"}},
		"a day that months lack":    {"0 0 31 * *", "2026-11-21 17:45:00", []string{"2026-12-31 00:00:00", "2027-01-31 00:00:00", "2027-03-31 00:00:00"}},
		"the last day":              {"0 0 last * *", "2027-01-01 00:00:00", []string{"2027-01-31 00:00:00", "2027-02-28 00:00:00"}},
		"the 15th and the last day": {"0 0 15,last 2 *", "2028-01-01 00:00:00", []string{"2028-02-15 00:00:00", "2028-02-29 00:00:00"}},
		"leap days":                 {"0 0 29 2 *", "2096-03-01 00:00:00", []string{"2104-02-29 00:00:00"}},
		"a rare leap day":           {"0 0 29 2 sun", "2096-03-01 00:00:00", []string{"2128-02-29 00:00:00"}},
		"seconds":                   {"* * * * * 10,50", "2026-11-21 17:45:20", []string{"2026-11-21 17:45:50", "2026-11-21 17:46:10"}},
		"every second":              {"* * * * * *", "2026-11-21 23:59:58", []string{"2026-11-21 23:59:59", "2026-11-22 00:00:00"}},
		"jitter is not of the time": {"0 0 * * * 30 600", "2026-11-21 17:45:20", []string{"2026-11-22 00:00:30"}},
		"more blanks":               {"  0   0 * *\t* ", "2026-11-21 17:45:20", []string{"2026-11-22 00:00:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse(tc.time)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			next := at(t, tc.after).Add(time.Second / 2)
			if !strings.HasSuffix(tc.after, ":59") {
				next = at(t, tc.after)
			}
			for range tc.want {
				next = s.Next(next)
				got = append(got, next.Format(time.DateTime))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestJitterIsRead(t *testing.T) {
	for text, want := range map[string]time.Duration{"0 0 * * *": 0, "0 0 * * * 0": 0, "0 0 * * * 0 60": time.Minute, "0 0 * * * * 3600": time.Hour, "0 0 * * * 0 0": 0} {
		s, err := Parse(text)
		if err != nil || s.Jitter != want {
			t.Errorf("%s: %v, %v", text, s, err)
		}
	}
}

// TestWrong has times that are refused, and that every refusal says what to do.
func TestWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "a time has five to seven parts; this has 0",
		"@daily":             "a time has five to seven parts; this has 1",
		"0 0 * *":            "a time has five to seven parts; this has 4",
		"0 0 * * * 0 0 0":    "a time has five to seven parts; this has 8",
		"60 0 * * *":         `the minute "60" is not one of 0 to 59`,
		"0 24 * * *":         `the hour "24" is not one of 0 to 23`,
		"0 0 0 * *":          `the day "0" is not one of 1 to 31`,
		"0 0 * 13 *":         `the month "13" is not one of 1 to 12`,
		"0 0 * * 7":          `the weekday "7" is not one of 0 to 6`,
		"0 0 * * * 60":       `the second "60" is not one of 0 to 59`,
		"0 0 * * sun-mon":    `the weekday "sun-mon" ends before it begins`,
		"0 18-6 * * *":       `the hour "18-6" ends before it begins`,
		"0 70/2 * * *":       `the hour "70/2" is not one of 0 to 23`,
		"*/0 * * * *":        `the step of the minute "*/0" must be 1 or more, and not larger than the range`,
		"*/60 * * * *":       `the step of the minute "*/60" must be 1 or more, and not larger than the range`,
		"0 0-2/4 * * *":      `the step of the hour "0-2/4" must be 1 or more, and not larger than the range`,
		"0 0 * * mon-fri/2":  `the weekday "mon-fri/2" is not understood`,
		"0 0 * * mon-4":      `the weekday "mon-4" is not understood`,
		"0 0 * * friday":     `"friday" is not a weekday`,
		"0 0 * mai *":        `"mai" is not a month`,
		"0 jan * * *":        `the hour "jan" is not understood`,
		"0 last * * *":       `the hour "last" is not understood`,
		"0 0 L * *":          `the day "l" is not understood`,
		"0 0 ? * *":          `the day "?" is not understood`,
		"0 0 * * 1,":         `the weekday "" is not understood`,
		"0 0 last, * *":      `the day "" is not understood`,
		"-1 0 * * *":         `the minute "-1" is not understood`,
		"1000 0 * * *":       `the minute "1000" is not understood`,
		"0 0 31 2,4,6 *":     `this never comes: no month of "2,4,6" has a day of "31"`,
		"0 0 * * * 0 -1":     `the jitter "-1" is not understood`,
		"0 0 * * * 0 5m":     `the jitter "5m" is not understood`,
		"0 0 * * * 0 604801": `the jitter "604801" is not understood`,
		strings.Repeat("0 ", 2) + strings.Repeat("1,", 200) + "1 * *": "a time has at most 255 characters; this has 409",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := Parse(text)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.Message != want {
				t.Errorf("want %s\n got %s", want, e.Message)
			}
			if e.Hint == "" {
				t.Error("it does not say what to do")
			}
		})
	}
}

// naive says whether a time comes at a moment, by reading it word by word.
func naive(text string, m time.Time) bool {
	parts := append(strings.Fields(text), "0")[:6]
	weekday := map[time.Weekday]int{time.Monday: 0, time.Tuesday: 1, time.Wednesday: 2, time.Thursday: 3, time.Friday: 4, time.Saturday: 5, time.Sunday: 6}[m.Weekday()]
	for n, v := range []struct{ is, least, most int }{
		{m.Minute(), 0, 59}, {m.Hour(), 0, 23}, {m.Day(), 1, 31}, {int(m.Month()), 1, 12}, {weekday, 0, 6}, {m.Second(), 0, 59},
	} {
		if !slices.ContainsFunc(strings.Split(parts[n], ","), func(item string) bool {
			if item == "last" {
				return m.AddDate(0, 0, 1).Day() == 1
			}
			of, step, stepped := strings.Cut(item, "/")
			low, high, ranged := strings.Cut(of, "-")
			first, end := v.least, v.most
			if of != "*" {
				first, _ = strconv.Atoi(low)
				if ranged {
					end, _ = strconv.Atoi(high)
				} else if !stepped {
					end = first
				}
			}
			by, _ := strconv.Atoi(step)
			return v.is >= first && v.is <= end && (v.is-first)%max(1, by) == 0
		}) {
			return false
		}
	}
	return true
}

// times draws a time that Parse takes.
func times(t *rapid.T) string {
	item := func(f field) string {
		first := rapid.IntRange(f.least, f.most-1).Draw(t, f.name)
		end := rapid.IntRange(first+1, f.most).Draw(t, f.name+" end")
		by := rapid.IntRange(1, end-first).Draw(t, f.name+" step")
		forms := []string{"*", "*", fmt.Sprint(first), fmt.Sprintf("%d-%d", first, end), fmt.Sprintf("*/%d", by), fmt.Sprintf("%d/%d", first, by), fmt.Sprintf("%d-%d/%d", first, end, by)}
		if f.last {
			forms = append(forms, "last")
		}
		return rapid.SampledFrom(forms).Draw(t, f.name+" item")
	}
	var parts []string
	for _, f := range []field{minutes, hours, days, months, weekdays, seconds} {
		part := item(f)
		if rapid.Bool().Draw(t, f.name+" list") {
			part += "," + item(f)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts[:rapid.IntRange(5, 6).Draw(t, "parts")], " ")
}

// TestNextIsTheFirst compares with the naive definition: the next moment is one
// that matches, and none between does.
func TestNextIsTheFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := times(t)
		after := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "after"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).UTC()
		s, err := Parse(text)
		if err != nil {
			if strings.Contains(err.Error(), "never") {
				t.Skip(err)
			}
			t.Fatalf("%s: %v", text, err)
		}
		next := s.Next(after)
		if !next.After(after) || !naive(text, next) {
			t.Fatalf("%s after %v: %v does not match", text, after, next)
		}
		between := next.Sub(after)
		for n := range 2000 {
			m := after.Truncate(time.Second).Add(time.Duration(n+1) * time.Second)
			if n >= 1000 {
				m = after.Add(time.Duration(rapid.Uint64Range(0, uint64(between)).Draw(t, "between"))).Truncate(time.Second)
			}
			if m.After(after) && m.Before(next) && naive(text, m) {
				t.Fatalf("%s after %v: %v, but %v matches", text, after, next, m)
			}
			if n >= 1010 {
				break
			}
		}
	})
}

// TestParseTakesAnything: whatever is written, there is a schedule that goes on, or an *Error.
func TestParseTakesAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9*/,\- a-z]{0,30}`).Draw(t, "time")
		s, err := Parse(text)
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatal(err)
		}
		if err == nil && !s.Next(time.Unix(0, 0)).After(time.Unix(0, 0)) {
			t.Fatalf("%q does not go on", text)
		}
	})
}
