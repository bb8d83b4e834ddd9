from rewards.admin.segment.admin import SegmentAdmin

__all__ = ["SegmentAdmin"]
