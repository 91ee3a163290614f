"""Reconcile: is the mirror what the CRM is?"""
