"""Small faults put into the library on purpose, to see whether the tests notice them."""
