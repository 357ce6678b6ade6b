"""The policy read a second time: what each clause asks, in plain Python over dicts and dates.

Goes in: the rows of one evidence folder, as written, and the parameters of a profile. Comes out, for every
control of an area, the verdict of each subject. Written from the reference on the policy and the schemas of
the tables; it shares no code with the engines, the compiler or the expressions of the pack.
"""
