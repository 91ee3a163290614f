"""Salesforce's query language: text to tokens to a tree to SQL."""
