package sample

import (
	"math/rand/v2"
	"time"
)

// dayWeight says how busy a day is; only the proportions count. Mondays are
// busiest, Sundays and holidays quiet, August slow, the days after the monthly
// invoice loud, and every 61st day something big breaks. The numbers are whole
// so that every machine computes the same history.
func dayWeight(day time.Time) int {
	weekday := [7]int{22, 125, 112, 106, 104, 98, 45} // Sunday first
	month := [13]int{0, 112, 104, 100, 97, 95, 96, 90, 82, 99, 104, 108, 105}
	weight := weekday[day.Weekday()] * month[day.Month()]
	if day.Day() <= 5 {
		weight = weight * 125 / 100
	}
	if holiday(day) {
		weight = weight * 20 / 100
	}
	if outage(day) {
		weight = weight * 180 / 100
	}
	return weight
}

// holiday is true on the fixed holidays that most of Europe shares.
func holiday(day time.Time) bool {
	switch day.Month() {
	case time.January:
		return day.Day() == 1 || day.Day() == 6
	case time.May:
		return day.Day() == 1
	case time.December:
		return day.Day() >= 24 && day.Day() <= 26 || day.Day() == 31
	}
	return false
}

// outage is true on the days of a large disturbance.
func outage(day time.Time) bool { return day.Unix()/86400%61 == 17 }

// quotas returns for each day from start to end how many interactions there
// must be by its end, so that the last number is exactly total.
func quotas(start, end time.Time, total int) []int {
	var sums []int
	sum := 0
	for day := start; day.Before(end); day = day.AddDate(0, 0, 1) {
		sum += dayWeight(day)
		sums = append(sums, sum)
	}
	for i := range sums {
		// Split, so that the product stays in range for any int.
		sums[i] = total/sum*sums[i] + total%sum*sums[i]/sum
	}
	return sums
}

// officeHours is how a service desk is called, hour by hour in UTC; alwaysOpen
// is how people write who need nobody to be there.
func officeHours() []int {
	return []int{0, 0, 0, 0, 0, 1, 9, 40, 88, 100, 97, 86, 62, 74, 88, 84, 71, 48, 25, 12, 2, 0, 0, 0}
}

func alwaysOpen() []int {
	return []int{8, 5, 3, 2, 3, 9, 24, 49, 70, 80, 78, 70, 66, 68, 72, 74, 78, 80, 84, 90, 86, 66, 38, 18}
}

// timeOfDay draws an instant of the day after the curve, to the microsecond.
func timeOfDay(r *rand.Rand, day time.Time, curve []int) time.Time {
	sum := 0
	for _, weight := range curve {
		sum += weight
	}
	hour, n := 0, r.IntN(sum)
	for n >= curve[hour] {
		n -= curve[hour]
		hour++
	}
	return day.Add(time.Duration(hour)*time.Hour + time.Duration(r.Int64N(3_600_000_000))*time.Microsecond)
}

// workingTime moves an instant to when somebody is at the desk: from six in
// the evening to the next morning, on Sundays and holidays to the day after.
func workingTime(r *rand.Rand, t time.Time) time.Time {
	if t.Hour() >= 7 && t.Hour() < 18 && open(t) {
		return t
	}
	y, m, d := t.Date()
	if t.Hour() >= 18 || !open(t) {
		d++
	}
	for !open(time.Date(y, m, d, 0, 0, 0, 0, time.UTC)) {
		d++
	}
	return time.Date(y, m, d, 7, r.IntN(150), r.IntN(60), r.IntN(1000)*1_000_000, time.UTC)
}

func open(t time.Time) bool { return t.Weekday() != time.Sunday && !holiday(t) }
