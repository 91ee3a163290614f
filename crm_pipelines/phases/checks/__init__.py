"""What the validate phase asks of whole columns: formats of values, rules between columns.

Most values are settled by one pattern over the column. Only the distinct ones that it leaves open
are looked at one by one.
"""
