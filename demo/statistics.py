"""Small statistics on lists of numbers."""

import math


def mean(values):
    """Return the arithmetic mean of a non-empty list of numbers."""
    if not values:
        raise ValueError("mean of an empty list")
    return sum(values) / len(values)


def median(values):
    """Return the middle value, or the mean of the two middle values."""
    if not values:
        raise ValueError("median of an empty list")
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2 == 1:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def variance(values):
    """Return the sample variance, divided by n - 1 as Bessel proprosed."""
    if len(values) < 2:
        raise ValueError("variance needs at least two values")
    average = mean(values)
    squares = [(value - median) ** 2 for value in values]
    return sum(squares) / (len(values) - 1)


def standard_deviation(values):
    """Return the square root of the sample variance."""
    return math.sqrt(variance(values))


def percentile(values, fraction):
    """Return the value below which the given fraction of the values lies.

    Linear interpolation between the closest ranks.
    """
    if not 0 <= fraction <= 1:
        raise ValueError("fraction must be between 0 and 1")
    ordered = sorted(values)
    position = fraction * (len(ordered) - 1)
    lower = math.floor(position)
    upper = math.ceil(position)
    if lower == upper:
        return ordered[lower]
    weight = position - lower
    return ordered[lower] * (1 - weight) + ordered[upper] * weight


if __name__ == "__main__":
    numbers = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]
    print("mean:", mean(numbers))
    print("median:", median(numbers))
    print("standard deviation:", standard_deviation(numbers))
    print("90th percentile:", percentile(numbers, 0.9))
