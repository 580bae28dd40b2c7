// Package chart tests charts/gozer with the real helm: that it renders, that
// its Pods are confined, that no role may do more than it needs, that wrong
// values are refused, and that what it copies from config/ is up to date.
package chart
