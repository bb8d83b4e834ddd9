import django.db.models.fields.json
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0009_claim_days"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="idempotencyrecord",
            index=models.Index(
                django.db.models.fields.json.KeyTextTransform("member_id", "body"),
                condition=models.Q(("body__has_key", "tracking")),
                name="answers_with_a_redemption",
            ),
        ),
    ]
