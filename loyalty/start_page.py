def show(request, context): return context
