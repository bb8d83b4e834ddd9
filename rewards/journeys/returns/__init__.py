"""
What a return means: which goods came back, whose points they gave, which points had paid for them.

`goods` and `owing` decide without a database; `found` reads a sale with its returns, `payments` and
`booking` turn it into changes of wallets.
"""
