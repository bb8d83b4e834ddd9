"""
What a campaign did: whom it reached, what it cost, and what would not have happened without it.

Note [Uplift]
~~~~~~~~~~~~~
An effect is only claimed where chance decided who takes part. Everybody who was in the audience when
the campaign began belongs, for good, to the group that `rewards.engine.assignment` gives them: the
control group, those who take part, or a variant. All of a group count, also those who never came
("intention to treat"), because those who came may have come for the campaign. Compared is what the
members of each group bought on average in the campaign's time, less what they returned.

The difference has an interval by Welch's t-test, which needs neither groups of a size nor equal
spread. What the members bought in an equally long time before narrows it (CUPED: Deng, Xu, Kohavi and
Walker 2013): of each member's purchases as much is taken off as the purchases before foretell, which
the campaign cannot have changed, so that the difference stays right and its spread gets smaller. The
interval of the relative difference is Fieller's. Several comparisons share the 5 % (Bonferroni).

Nothing is claimed before there are enough members, nor when the groups are not of the sizes that they
should be (a chi-square test for sample ratio mismatch). Without a control group, before and after are
shown as what they are: a description.
"""
