"""Hundreds of small checks of an AWS-like endpoint, each held to what AWS's documentation says.

A check is a function under `@check`: it makes what it needs, asks, compares, and leaves nothing. It says in its
`aws=` which document promises the behaviour, so that whoever doubts it can look. It is never written from what an
emulator happens to answer.
"""
