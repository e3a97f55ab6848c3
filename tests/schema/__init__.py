"""Tests of the types: all of them against google-genai, and what some of them do."""
